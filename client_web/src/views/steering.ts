/** What a viewer can ask of an instance, with the answer shown at once and refusals said aloud. */
import { useCallback, useMemo, useState } from 'react';
import {
  DeleteMutation,
  ModeMutation,
  PauseMutation,
  RateMutation,
  ResetMutation,
  ResumeMutation,
  StepMutation,
  type InstanceRow,
} from '../api/documents';
import { outcomeOf, reasons, type UserError } from '../api/outcome';
import { useConnection } from '../live/hooks';
import { useVoice } from '../ui/Toasts';

export interface Steering {
  readonly busy: boolean;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly step: (count: number) => void;
  readonly reset: () => void;
  readonly setMode: (mode: { readonly training: boolean; readonly inference: boolean }) => void;
  readonly setRate: (stepsPerSecond: number | null) => void;
  /** Answers whether the instance is gone. */
  readonly remove: () => Promise<boolean>;
}

interface RowPayload {
  readonly instance: InstanceRow | null;
  readonly userErrors: UserError[];
}

export function useSteering(instanceId: string): Steering {
  const { zoo, live } = useConnection();
  const { complain, announce } = useVoice();
  const [asked, setAsked] = useState(0);

  const run = useCallback(
    async (request: Promise<{ outcome: RowPayload }>, done: string): Promise<void> => {
      setAsked((count) => count + 1);
      const outcome = await outcomeOf(request);
      setAsked((count) => count - 1);
      if (!outcome.ok) { complain(reasons(outcome.errors)); return; }
      if (outcome.value.instance !== null) live.learn([outcome.value.instance]);
      announce(done);
    },
    [live, complain, announce],
  );

  return useMemo<Steering>(() => {
    const input = { instanceId };
    return {
      busy: asked > 0,
      pause: () => void run(zoo.mutate(PauseMutation, { input }), 'Pause asked'),
      resume: () => void run(zoo.mutate(ResumeMutation, { input }), 'Resume asked'),
      step: (count) => void run(zoo.mutate(StepMutation, { input: { instanceId, count } }), `${count} ${count === 1 ? 'step' : 'steps'} asked`),
      reset: () => void run(zoo.mutate(ResetMutation, { input }), 'New episode asked'),
      setMode: (mode) => void run(zoo.mutate(ModeMutation, { input: { instanceId, mode } }), 'Mode asked'),
      setRate: (stepsPerSecond) => void run(zoo.mutate(RateMutation, { input: { instanceId, stepsPerSecond } }), 'Speed asked'),
      remove: async () => {
        const outcome = await outcomeOf(zoo.mutate(DeleteMutation, { input }));
        if (!outcome.ok) {
          complain(reasons(outcome.errors));
          return false;
        }
        live.forget(instanceId);
        announce('Deleted');
        return true;
      },
    };
  }, [zoo, live, instanceId, asked, run, complain, announce]);
}
