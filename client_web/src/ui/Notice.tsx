import type { ReactNode } from 'react';
import { Icon } from './Icon';

export function Notice({ tone = 'calm', children, role }: { readonly tone?: 'calm' | 'wait' | 'bad'; readonly children: ReactNode; readonly role?: 'alert' | 'status' }) {
  return (
    <div className="notice" data-tone={tone} role={role}>
      <Icon name={tone === 'calm' ? 'info' : 'alert'} />
      <div>{children}</div>
    </div>
  );
}
