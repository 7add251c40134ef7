/** Saving an instance, by itself or before it pauses or ends: one thing after the other, and nothing after one that failed. */
import { useCallback, useRef, useState } from 'react';
import { newCommandId } from '../api/command';
import { PauseMutation, SaveMutation, TerminateMutation, type InstanceRow } from '../api/documents';
import { outcomeOf, type UserError } from '../api/outcome';
import { useConnection } from '../live/hooks';
import { useVoice } from '../ui/Toasts';

export type SaveStage = 'pause' | 'save' | 'end';

export interface Refusal {
  readonly stage: SaveStage;
  readonly errors: readonly UserError[];
}

export interface Saving {
  /** What is being done now. */
  readonly stage: SaveStage | undefined;
  /** What could not be done, and why. */
  readonly refusal: Refusal | undefined;
  /** Does one thing after the other; answers whether all was done. */
  readonly run: (stages: readonly SaveStage[], tag?: string) => Promise<boolean>;
}

const BUSY: Readonly<Record<SaveStage, string>> = { pause: 'Pausing…', save: 'Saving…', end: 'Ending…' };

export function stageText(stage: SaveStage): string {
  return BUSY[stage];
}

export function useSaving(instanceId: string): Saving {
  const { zoo, live } = useConnection();
  const { announce } = useVoice();
  const [stage, setStage] = useState<SaveStage>();
  const [refusal, setRefusal] = useState<Refusal>();
  /** A save whose outcome is not known is asked for again under the same id, so that it becomes one checkpoint. */
  const pending = useRef<{ readonly commandId: string; readonly tag: string | undefined }>(undefined);

  const run = useCallback(
    async (stages: readonly SaveStage[], tag?: string): Promise<boolean> => {
      const learn = (row: InstanceRow | null): void => {
        if (row !== null) live.learn([row]);
      };
      const input = { instanceId };
      const save = async () => {
        if (pending.current?.tag !== tag) pending.current = undefined;
        const { commandId } = (pending.current ??= { commandId: newCommandId(), tag });
        const outcome = await outcomeOf(zoo.mutate(SaveMutation, { input: { instanceId, commandId, ...(tag === undefined ? {} : { tag }) } }));
        if (outcome.ok || outcome.errors.some(({ code }) => code !== 'UNAVAILABLE')) pending.current = undefined;
        if (outcome.ok) announce(`Saved as ${outcome.value.checkpoint?.tag ?? 'a checkpoint'}`);
        return outcome;
      };
      const doing = {
        pause: async () => {
          const outcome = await outcomeOf(zoo.mutate(PauseMutation, { input }));
          if (outcome.ok) learn(outcome.value.instance);
          return outcome;
        },
        save,
        end: async () => {
          const outcome = await outcomeOf(zoo.mutate(TerminateMutation, { input }));
          if (outcome.ok) learn(outcome.value.instance);
          return outcome;
        },
      };
      setRefusal(undefined);
      for (const each of stages) {
        setStage(each);
        const outcome = await doing[each]();
        if (!outcome.ok) {
          setStage(undefined);
          setRefusal({ stage: each, errors: outcome.errors });
          return false;
        }
      }
      setStage(undefined);
      return true;
    },
    [zoo, live, announce, instanceId],
  );

  return { stage, refusal, run };
}
