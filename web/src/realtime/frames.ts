// Frames of the WebSocket, subprotocol kongsi.v1+json: schemas/kongsi/realtime/v1/frame.proto as proto3 JSON.
import type { Schemas } from '../api/client';

export const SUBPROTOCOL = 'kongsi.v1+json';
export const CLOSE_TOKEN_EXPIRED = 4401;

export interface Cursor {
  conversation_id: string;
  seq: string;
}

/** A command without its id. */
export type Command =
  | { sign_in: { access_token: string; resume: Cursor[] } }
  | { renew_token: { access_token: string } }
  | { send_message: { conversation_id: string; request_id: string; text: { body: string } } }
  | { mark_read: { conversation_id: string; seq: string } }
  | { ping: Record<string, never> };

export interface FrameErrorBody {
  code?: number;
  status?: string;
  message?: string;
  reason?: string;
  domain?: string;
  metadata?: Record<string, string>;
  retriable?: boolean;
}

/** From the server: an answer (reply_to) or a push, with one of the bodies. */
export interface ServerFrame {
  reply_to?: string;
  signed_in?: {
    user_id?: string;
    session_id?: string;
    token_expire_time?: string;
    ping_interval_seconds?: number;
  };
  token_renewed?: { token_expire_time?: string };
  message_sent?: Schemas['Message'];
  read_marked?: Schemas['ReadCursor'];
  pong?: { server_time?: string };
  error?: FrameErrorBody;
  message?: Schemas['Message'];
  read_cursor?: Schemas['ReadCursor'];
  conversation_changed?: { conversation_id?: string; removed?: boolean };
  pull_now?: { conversation_ids?: string[] };
  token_expiring?: { token_expire_time?: string };
  going?: { reconnect_delay_ms?: number };
}

/** The frame in a WebSocket message, or null: not one of ours. */
export function parseFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string') return null;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as ServerFrame)
      : null;
  } catch {
    return null;
  }
}
