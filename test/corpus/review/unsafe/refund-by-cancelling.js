// expect: BG007
const { Booking, Member } = require("./models");
async function cancelBooking(bookingId) {
  const booking = await Booking.findByPk(bookingId);
  await Booking.update({ state: "cancelled" }, { where: { id: bookingId } });
  await Member.increment("credits", { by: booking.price, where: { id: booking.memberId } });
}
module.exports = { cancelBooking };
