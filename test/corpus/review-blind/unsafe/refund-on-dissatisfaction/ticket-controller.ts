// expect: FAIL
// item: 5
import { refundOnce } from "./refund";

interface Ticket {
  taskId: string;
  category: "bug" | "dissatisfied" | "question";
}

export async function closeTicket(ticket: Ticket) {
  if (ticket.category === "dissatisfied") {
    await refundOnce(ticket.taskId);
  }
}
