/** Asks where the zoo is, and says clearly when it is not there. */
import { useState, type SyntheticEvent } from 'react';
import type { Memory } from '../../api/memory';
import { reach, reachText } from '../../api/reach';
import { parseAddress, type ZooAddress } from '../../domain/address';
import { Button, IconButton } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Logo } from '../../ui/Logo';
import { Notice } from '../../ui/Notice';

interface Props {
  readonly memory: Memory;
  /** Why the page is here, when a zoo was tried without being asked. */
  readonly reason?: string | undefined;
  readonly onConnected: (address: ZooAddress) => void;
}

export function ConnectView({ memory, reason, onConnected }: Props) {
  const [known, setKnown] = useState(() => memory.recall());
  const [url, setUrl] = useState('localhost');
  const [port, setPort] = useState('3000');
  const [fieldError, setFieldError] = useState<{ readonly field: 'url' | 'port'; readonly message: string }>();
  const [refusal, setRefusal] = useState(reason);
  const [trying, setTrying] = useState(false);

  const connect = async (address: ZooAddress): Promise<void> => {
    setTrying(true);
    setRefusal(undefined);
    const result = await reach(address);
    setTrying(false);
    if (result.kind !== 'zoo') { setRefusal(reachText(result, address)); return; }
    memory.remember(address);
    onConnected(address);
  };

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const parsed = parseAddress(url, port);
    setFieldError(parsed.ok ? undefined : parsed);
    if (parsed.ok) void connect(parsed.address);
  };

  return (
    <main className="connect">
      <form className="panel" onSubmit={submit} noValidate>
        <div className="connect-head">
          <Logo size={52} />
          <h1>Which zoo?</h1>
          <p className="soft">Enter the address that the zoo printed when it started.</p>
        </div>
        <div className="connect-fields">
          <Field label="Server address" error={fieldError?.field === 'url' ? fieldError.message : undefined}>
            {(wiring) => (
              <input {...wiring} className="input" name="server_url" inputMode="url" autoCapitalize="none" autoComplete="off" spellCheck={false} value={url} onChange={(event) => setUrl(event.target.value)} />
            )}
          </Field>
          <Field label="Port" error={fieldError?.field === 'port' ? fieldError.message : undefined}>
            {(wiring) => <input {...wiring} className="input" name="server_port" inputMode="numeric" autoComplete="off" value={port} onChange={(event) => setPort(event.target.value)} />}
          </Field>
        </div>
        {refusal !== undefined && (
          <Notice tone="bad" role="alert">
            {refusal}
          </Notice>
        )}
        <Button type="submit" tone="primary" busy={trying}>
          {trying ? 'Connecting…' : 'Connect'}
        </Button>
        {known.length > 0 && (
          <section aria-labelledby="known-zoos">
            <h2 id="known-zoos">Visited before</h2>
            <ul className="rows">
              {known.map((address) => (
                <li key={address.origin}>
                  <button type="button" className="row-button" onClick={() => void connect(address)}>
                    {address.origin}
                  </button>
                  <IconButton
                    icon="close"
                    label={`Forget ${address.origin}`}
                    onClick={() => {
                      memory.forget(address);
                      setKnown(memory.recall());
                    }}
                  />
                </li>
              ))}
            </ul>
          </section>
        )}
      </form>
    </main>
  );
}
