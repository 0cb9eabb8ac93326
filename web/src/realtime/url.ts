// Where the WebSocket is: the gateway's /config.json says.
const PATH = '/v1/realtime';

export interface ClientConfig {
  realtime_url?: string;
  realtime_port?: number;
}

type Place = Pick<Location, 'protocol' | 'hostname' | 'port'>;

/** An empty realtime_url means: this host, the given port. */
export function realtimeUrl(config: ClientConfig, page: Place): string {
  if (config.realtime_url) return config.realtime_url;
  const scheme = page.protocol === 'https:' ? 'wss:' : 'ws:';
  const port = config.realtime_port ? `:${config.realtime_port}` : page.port && `:${page.port}`;
  return `${scheme}//${page.hostname}${port}${PATH}`;
}

let loaded: Promise<string> | null = null;

export function loadRealtimeUrl(): Promise<string> {
  loaded ??= fetch('/config.json', { signal: AbortSignal.timeout(10_000) })
    .then(async (response) => {
      if (!response.ok) throw new Error(`config.json: ${response.status}`);
      return realtimeUrl((await response.json()) as ClientConfig, window.location);
    })
    .catch((error: unknown) => {
      loaded = null;
      throw error;
    });
  return loaded;
}
