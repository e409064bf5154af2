export { QuotaService } from "./quota-service";
export * from "./repository";
