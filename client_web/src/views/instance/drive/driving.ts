/** The control lease of this tab: taken, driven under, and let go when the page is left. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ControlAcquireMutation, ControlReleaseMutation, ControlSendMutation } from '../../../api/control';
import { outcomeOf, reasons } from '../../../api/outcome';
import type { OnSilence } from '../../../domain/drive';
import { Helm, type Heard, type HelmState, type Values } from '../../../live/helm';
import { useConnection } from '../../../live/hooks';

export interface Driving {
  /** Undefined while this tab does not drive. */
  readonly state: HelmState | undefined;
  readonly busy: boolean;
  /** Why it does not drive, or no longer. */
  readonly problem: string | undefined;
  /** `first`: what the hands begin with. `over`: takes the wheel from whoever has it. */
  readonly take: (wish: { readonly paths: readonly string[]; readonly onSilence: OnSilence; readonly first: Values; readonly over: boolean }) => Promise<void>;
  readonly steer: (values: Values) => void;
  readonly letGo: () => void;
}

interface Held {
  readonly controlId: string;
  readonly helm: Helm;
}

export function useDriving(instanceId: string, onChange: () => void): Driving {
  const { zoo } = useConnection();
  const held = useRef<Held>(undefined);
  const [state, setState] = useState<HelmState>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  const letGo = useCallback(() => {
    const lease = held.current;
    if (lease === undefined) return;
    held.current = undefined;
    lease.helm.stop();
    setState(undefined);
    zoo.farewell(ControlReleaseMutation, { input: { instanceId }, controlId: lease.controlId });
    onChange();
  }, [zoo, instanceId, onChange]);

  const take = useCallback<Driving['take']>(
    async ({ paths, onSilence, first, over }) => {
      setBusy(true);
      setProblem(undefined);
      const outcome = await outcomeOf(zoo.mutate(ControlAcquireMutation, { input: { instanceId, paths: [...paths], onSilence, ifFree: !over } }));
      setBusy(false);
      if (!outcome.ok) { setProblem(reasons(outcome.errors)); return; }
      const controlId = outcome.value.control?.id;
      if (controlId === undefined) return;
      const say = async (values: Values, sequence: number): Promise<Heard> => {
        const said = await outcomeOf(zoo.mutate(ControlSendMutation, { input: { instanceId, controlId, values, sequence } }));
        if (said.ok) return { kind: 'heard', step: said.value.appliedAtStep };
        const message = reasons(said.errors);
        return said.errors.every(({ code }) => PASSING.has(code)) ? { kind: 'unheard', message } : { kind: 'refused', message };
      };
      const learn = (next: HelmState): void => {
        if (next.kind !== 'over') { setState(next); return; }
        held.current = undefined;
        setState(undefined);
        setProblem(next.message);
        // Nobody is to wait for a driver who was refused; a lease that is over already stays so.
        zoo.farewell(ControlReleaseMutation, { input: { instanceId }, controlId });
        onChange();
      };
      held.current?.helm.stop();
      const helm = new Helm(say, learn, { set: (callback, ms) => setTimeout(callback, ms), clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>) }, () => performance.now(), first);
      held.current = { controlId, helm };
      setState({ kind: 'driving', step: null, delayMs: undefined, message: undefined });
      onChange();
    },
    [zoo, instanceId, onChange],
  );

  // Who does not look does not drive.
  useEffect(() => {
    const leave = (): void => {
      if (document.hidden) letGo();
    };
    document.addEventListener('visibilitychange', leave);
    addEventListener('pagehide', letGo);
    return () => {
      document.removeEventListener('visibilitychange', leave);
      removeEventListener('pagehide', letGo);
      letGo();
    };
  }, [letGo]);

  const steer = useCallback((values: Values) => held.current?.helm.steer(values), []);
  return useMemo(() => ({ state, busy, problem, take, steer, letGo }), [state, busy, problem, take, steer, letGo]);
}

/** What may work a moment later under the same lease. */
const PASSING: ReadonlySet<string> = new Set(['UNAVAILABLE', 'RATE_LIMITED']);
