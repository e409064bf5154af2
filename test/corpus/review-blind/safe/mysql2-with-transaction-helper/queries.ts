export const LOCK_WALLET = "SELECT balance FROM wallets WHERE user_id = ? FOR UPDATE";
export const SET_BALANCE = "UPDATE wallets SET balance = ? WHERE user_id = ?";
