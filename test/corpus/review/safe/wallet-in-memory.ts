// expect: none
export class Purse {
  private coins = 10;
  spend(units: number): boolean {
    if (this.coins < units) return false;
    this.coins -= units;
    this.save();
    return true;
  }
  private save() {
    localStorage.setItem("purse", String(this.coins));
  }
}
