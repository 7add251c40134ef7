/** What a look into a model's file has found, in words: before anybody launches what may run code. */
import type { Tone } from './phase';

export type Scan = 'WAITING' | 'CLEAN' | 'UNKNOWN' | 'DANGEROUS' | 'UNREADABLE';

export interface ScanLook {
  readonly label: string;
  readonly tone: Tone;
  readonly meaning: string;
}

const LOOKS: Readonly<Record<Scan, ScanLook>> = {
  WAITING: { label: 'not scanned yet', tone: 'muted', meaning: 'Nobody has looked into its file yet. Whoever launches it now lets it do whatever it does, in its runner.' },
  CLEAN: { label: 'nothing found', tone: 'good', meaning: 'Its file names nothing but what is known to do no harm.' },
  UNKNOWN: { label: 'cannot be judged', tone: 'wait', meaning: 'It holds source, or names what the scan cannot judge. Launch it if you trust whoever made it.' },
  DANGEROUS: { label: 'dangerous', tone: 'bad', meaning: 'Its file names what runs commands, opens files or connections, or brings code. Launching it lets it do so, in its runner.' },
  UNREADABLE: { label: 'cannot be read', tone: 'bad', meaning: 'Its file could not be looked into: it is damaged, compressed, no such file, or too large.' },
};

export function scanLook(scan: Scan): ScanLook {
  return LOOKS[scan];
}
