import { expect, it } from 'vitest';
import { realtimeUrl } from './url';

const page = { protocol: 'http:', hostname: 'office.example', port: '8080' };

it('is this host with the given port', () => {
  expect(realtimeUrl({ realtime_url: '', realtime_port: 8081 }, page)).toBe(
    'ws://office.example:8081/v1/realtime',
  );
  expect(realtimeUrl({ realtime_port: 8081 }, { ...page, protocol: 'https:' })).toBe(
    'wss://office.example:8081/v1/realtime',
  );
});

it('is this host and port without one', () => {
  expect(realtimeUrl({}, page)).toBe('ws://office.example:8080/v1/realtime');
  expect(realtimeUrl({}, { protocol: 'https:', hostname: 'office.example', port: '' })).toBe(
    'wss://office.example/v1/realtime',
  );
});

it('is what the gateway says', () => {
  expect(realtimeUrl({ realtime_url: 'wss://edge.example/v1/realtime', realtime_port: 8081 }, page)).toBe(
    'wss://edge.example/v1/realtime',
  );
});
