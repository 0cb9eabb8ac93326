// The WebSocket: connects, signs in, resumes, pings, and comes back after every loss until it is stopped.
import { backoffMs } from './backoff';
import {
  CLOSE_TOKEN_EXPIRED,
  parseFrame,
  SUBPROTOCOL,
  type Command,
  type Cursor,
  type ServerFrame,
} from './frames';

const SIGN_IN_TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 10_000;
const PING_INTERVAL_DEFAULT_S = 30;
const UNAUTHENTICATED = 16; // google.rpc.Code

export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'offline';

export interface SocketOptions {
  url: () => Promise<string>;
  /** An access token; `refused`: the one the server no longer takes. Null: signed out. */
  token: (refused?: string) => Promise<string | null>;
  cursors: () => Cursor[];
  onPush: (frame: ServerFrame) => void;
  onState: (state: ConnectionState) => void;
}

/** A command was answered with an error, or (code 0) not answered at all: then it may or may not have been done. */
export class CommandError extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    readonly retriable: boolean,
  ) {
    super(reason);
    this.name = 'CommandError';
  }
}

interface Waiting {
  resolve: (frame: ServerFrame) => void;
  reject: (error: CommandError) => void;
  timer: ReturnType<typeof setTimeout>;
}

const noAnswer = () => new CommandError(0, 'NETWORK', true);

export class RealtimeSocket {
  private socket: WebSocket | null = null;
  private state: ConnectionState = 'connecting';
  private running = false;
  private attempt = 0;
  private delayAskedMs = 0; // the server, before it restarts, said when to come back
  private refused: string | undefined;
  private lastId = 0;
  private readonly waiting = new Map<string, Waiting>();
  private pingTimer: ReturnType<typeof setInterval> | undefined;
  private reconnectTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: SocketOptions) {}

  get connected(): boolean {
    return this.state === 'connected';
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    window.addEventListener('online', this.onOnline);
    window.addEventListener('offline', this.onOffline);
    document.addEventListener('visibilitychange', this.onVisible);
    if (navigator.onLine) void this.connect();
    else this.setState('offline');
  }

  stop(): void {
    this.running = false;
    window.removeEventListener('online', this.onOnline);
    window.removeEventListener('offline', this.onOffline);
    document.removeEventListener('visibilitychange', this.onVisible);
    clearTimeout(this.reconnectTimer);
    this.drop();
  }

  /** Sends a command; resolves with its answer after the server's commit. */
  request(command: Command): Promise<ServerFrame> {
    const { socket } = this;
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(noAnswer());
    this.lastId += 1;
    const id = String(this.lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.give(id)?.reject(noAnswer()), COMMAND_TIMEOUT_MS);
      this.waiting.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ id, ...command }));
    });
  }

  /** Goes on with a new access token of the same session. */
  async renew(token: string): Promise<void> {
    if (!this.connected) return;
    try {
      await this.request({ renew_token: { access_token: token } });
    } catch (error) {
      if (error instanceof CommandError && error.code === 0) return; // the loss of the socket tells the rest
      this.reconnect();
    }
  }

  private async connect(): Promise<void> {
    clearTimeout(this.reconnectTimer);
    this.setState(this.attempt === 0 && this.state === 'connecting' ? 'connecting' : 'reconnecting');
    let url: string, token: string | null;
    try {
      [url, token] = await Promise.all([this.options.url(), this.options.token(this.refused)]);
    } catch {
      this.later();
      return;
    }
    if (!token || !this.running || this.socket) return;
    this.open(url, token);
  }

  private open(url: string, token: string): void {
    const socket = new WebSocket(url, SUBPROTOCOL);
    this.socket = socket;
    const deadline = setTimeout(() => this.lost(socket), SIGN_IN_TIMEOUT_MS);
    socket.onopen = () => {
      this.request({ sign_in: { access_token: token, resume: this.options.cursors() } }).then(
        (frame) => {
          clearTimeout(deadline);
          this.signedIn(frame);
        },
        (error: CommandError) => {
          if (error.code === UNAUTHENTICATED) this.refused = token;
          this.lost(socket);
        },
      );
    };
    socket.onmessage = (event) => {
      const frame = parseFrame(event.data);
      if (frame && this.socket === socket) this.take(frame);
    };
    socket.onclose = (event) => {
      clearTimeout(deadline);
      if (event.code === CLOSE_TOKEN_EXPIRED) this.refused = token;
      this.lost(socket);
    };
  }

  private signedIn(frame: ServerFrame): void {
    this.attempt = 0;
    this.delayAskedMs = 0;
    this.refused = undefined;
    const intervalMs = (frame.signed_in?.ping_interval_seconds || PING_INTERVAL_DEFAULT_S) * 500;
    clearInterval(this.pingTimer);
    this.pingTimer = setInterval(() => this.ping(), Math.max(intervalMs, 2_000));
    this.setState('connected');
  }

  private take(frame: ServerFrame): void {
    if (!frame.reply_to) {
      if (frame.going) this.delayAskedMs = frame.going.reconnect_delay_ms ?? 0;
      this.options.onPush(frame);
      return;
    }
    const waiting = this.give(frame.reply_to);
    if (!waiting) return;
    const { error } = frame;
    if (error)
      waiting.reject(new CommandError(error.code ?? 2, error.reason ?? '', error.retriable ?? false));
    else waiting.resolve(frame);
  }

  private give(id: string): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  private ping(): void {
    const { socket } = this;
    this.request({ ping: {} }).catch((error: CommandError) => {
      if (socket && error.code === 0) this.lost(socket);
    });
  }

  /** The socket is gone, or as good as. */
  private lost(socket: WebSocket): void {
    if (this.socket !== socket) return;
    this.drop();
    if (!this.running) return;
    if (navigator.onLine) this.later();
    else this.setState('offline');
  }

  private drop(): void {
    const { socket } = this;
    this.socket = null;
    clearInterval(this.pingTimer);
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    for (const id of [...this.waiting.keys()]) this.give(id)?.reject(noAnswer());
  }

  private later(): void {
    if (!this.running) return;
    this.setState('reconnecting');
    this.attempt += 1;
    const delay = this.delayAskedMs || backoffMs(this.attempt);
    this.delayAskedMs = 0;
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = setTimeout(() => void this.connect(), delay);
  }

  private reconnect(): void {
    if (this.socket) this.lost(this.socket);
  }

  private setState(state: ConnectionState): void {
    if (this.state === state && state !== 'connecting') return;
    this.state = state;
    this.options.onState(state);
  }

  private readonly onOnline = () => {
    this.attempt = 0;
    this.state = 'reconnecting';
    this.options.onState(this.state);
    if (!this.socket) void this.connect();
  };

  private readonly onOffline = () => {
    clearTimeout(this.reconnectTimer);
    this.drop();
    this.setState('offline');
  };

  /** A page that was asleep finds out at once whether its socket still lives. */
  private readonly onVisible = () => {
    if (document.visibilityState !== 'visible') return;
    if (this.connected) this.ping();
    else if (!this.socket && this.running && navigator.onLine) void this.connect();
  };
}
