/** Who may look at the console: the identities that gRPC knows, by the same tokens, if they may read reports. */
import { Role } from "../gen/billing/option/v1/options.ts";
import { maskOf } from "../wire/contract.ts";
import { createAuthenticator, type Identity, type SurfaceCall } from "../wire/identity.ts";

const READERS = maskOf([Role.FINANCE, Role.AUDITOR, Role.ADMIN]);

/** @returns the name of whoever holds the token; undefined for who isn't known or may not look */
export function admitting(identities: readonly Identity[]): (token: string) => string | undefined {
  const authenticator = createAuthenticator(identities);
  return (token) => {
    const metadata = { get: () => [`Bearer ${token}`] };
    const known = authenticator.identify({ metadata } as unknown as SurfaceCall);
    return known !== undefined && (known.roles & READERS) !== 0 ? known.caller.name : undefined;
  };
}
