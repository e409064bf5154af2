import { Body, Controller, Post, Req, UseGuards } from "@nestjs/common";
import { MemberGuard } from "./member.guard";
import { CreditsService } from "./credits.service";

@Controller("credits")
export class CreditsController {
  constructor(private readonly credits: CreditsService) {}

  @Post("spend")
  @UseGuards(MemberGuard)
  async spend(@Req() request: { user: { id: string } }, @Body("amount") amount: number) {
    return { left: await this.credits.spend(request.user.id, amount) };
  }
}
