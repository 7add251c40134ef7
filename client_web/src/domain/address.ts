/** Where a zoo is. */

export interface ZooAddress {
  /** Scheme, host and port without a slash at the end: `http://127.0.0.1:3000`. */
  readonly origin: string;
}

export type AddressParse = { readonly ok: true; readonly address: ZooAddress } | { readonly ok: false; readonly field: 'url' | 'port'; readonly message: string };

/** Reads what people type: a host, a host with a port, or a whole address; the port field wins where it is filled. */
export function parseAddress(url: string, port: string): AddressParse {
  const text = url.trim();
  if (text === '') return { ok: false, field: 'url', message: 'Enter the address of a zoo, for example localhost' };
  const portText = port.trim();
  if (portText !== '' && !(/^\d+$/.test(portText) && Number(portText) >= 1 && Number(portText) <= 65535)) {
    return { ok: false, field: 'port', message: `“${portText}” is no port: enter a number from 1 to 65535` };
  }
  let parsed: URL;
  try {
    parsed = new URL(/^https?:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    return { ok: false, field: 'url', message: `“${text}” is no address: enter a host such as localhost or zoo.example.org` };
  }
  if (portText !== '') parsed.port = portText;
  return { ok: true, address: { origin: parsed.origin } };
}

/**
 * Where objects of the bucket are for this page. A zoo on one machine serves them itself and knows itself as 127.0.0.1,
 * whatever name this page has reached it by; links to storage elsewhere stay as they are.
 */
export function bucketAddress(link: string, zooOrigin: string, profile: string): string {
  const { pathname, search } = new URL(link, zooOrigin);
  return profile === 'embedded' ? `${zooOrigin}${pathname}${search}` : link;
}
