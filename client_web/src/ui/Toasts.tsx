/** Refusals that belong to no field, and progress for those who do not see the screen. */
import { createContext, use, useCallback, useMemo, useRef, useState, type ReactNode } from 'react';
import { IconButton } from './Button';

interface Voice {
  /** Shows what went wrong until it is dismissed or some seconds have passed. */
  readonly complain: (message: string) => void;
  /** Says politely what happened, at most once a second. */
  readonly announce: (message: string) => void;
}

const VoiceContext = createContext<Voice>({ complain: () => undefined, announce: () => undefined });
const SHOWN_MS = 12_000;
const QUIET_MS = 1000;

export function useVoice(): Voice {
  return use(VoiceContext);
}

export function Toasts({ children }: { readonly children: ReactNode }) {
  const [complaints, setComplaints] = useState<readonly { readonly id: number; readonly message: string }[]>([]);
  const [said, setSaid] = useState('');
  const counter = useRef(0);
  const pending = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const dismiss = useCallback((id: number) => setComplaints((old) => old.filter((complaint) => complaint.id !== id)), []);
  const voice = useMemo<Voice>(
    () => ({
      complain: (message) => {
        const id = (counter.current += 1);
        setComplaints((old) => [...old.slice(-2), { id, message }]);
        setTimeout(() => dismiss(id), SHOWN_MS);
      },
      announce: (message) => {
        clearTimeout(pending.current);
        pending.current = setTimeout(() => setSaid(message), QUIET_MS);
      },
    }),
    [dismiss],
  );

  return (
    <VoiceContext value={voice}>
      {children}
      <div role="status" className="unseen">
        {said}
      </div>
      <div className="toasts">
        {complaints.map(({ id, message }) => (
          <div key={id} className="toast" role="alert">
            <span>{message}</span>
            <IconButton icon="close" label="Dismiss" onClick={() => dismiss(id)} />
          </div>
        ))}
      </div>
    </VoiceContext>
  );
}
