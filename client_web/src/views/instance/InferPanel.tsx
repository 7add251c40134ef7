/** Asks a model that lives without a world: one set of inputs, one answer; a conversation keeps its memory between calls. */
import { useRef, useState } from 'react';
import { newCommandId } from '../../api/command';
import { InferMutation, type InstanceRow, type ModalityParts } from '../../api/documents';
import { outcomeOf } from '../../api/outcome';
import { firstInput, inputKind, outputText, parseInput } from '../../domain/answer';
import { formatShape } from '../../domain/format';
import { choiceLabel } from '../../domain/modality';
import { errorsByField } from '../../domain/parameters';
import { useConnection } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { readPicture } from '../../ui/picture';
import { Switch } from '../../ui/Switch';

interface Exchange {
  readonly number: number;
  readonly asked: string;
  readonly answered: string;
}

const EXCHANGES_KEPT = 50;

export function InferPanel({ row, inputs }: { readonly row: InstanceRow; readonly inputs: readonly ModalityParts[] }) {
  const { zoo } = useConnection();
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>(() => Object.fromEntries(inputs.map((modality) => [modality.name, firstInput(modality)])));
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [conversation, setConversation] = useState<string>();
  const [exchanges, setExchanges] = useState<readonly Exchange[]>([]);
  const [busy, setBusy] = useState(false);
  const counter = useRef(0);

  const ask = async (): Promise<void> => {
    const values: Record<string, unknown> = {};
    const found: Record<string, string> = {};
    for (const modality of inputs) {
      const parsed = parseInput(modality, texts[modality.name] ?? '');
      if (parsed.ok) values[modality.name] = parsed.value;
      else found[`inputs.${modality.name}`] = parsed.message;
    }
    setErrors(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    const outcome = await outcomeOf(
      zoo.mutate(InferMutation, { input: { instanceId: row.id, inputs: values, ...(conversation === undefined ? {} : { conversation }) } }),
    );
    setBusy(false);
    if (!outcome.ok) { setErrors(errorsByField(outcome.errors)); return; }
    const number = (counter.current += 1);
    setExchanges((old) => [...old.slice(1 - EXCHANGES_KEPT), { number, asked: summary(inputs, texts), answered: outputText(outcome.value.outputs) }]);
  };

  const own = new Set(inputs.map(({ name }) => `inputs.${name}`));
  const rest = Object.entries(errors).filter(([key]) => !own.has(key));

  return (
    <Panel title="Ask it">
      {exchanges.length > 0 && (
        <ol className="exchanges" aria-label="Answers" aria-live="polite">
          {exchanges.map((exchange) => (
            <li key={exchange.number}>
              <pre className="asked">{exchange.asked}</pre>
              <pre className="answered">{exchange.answered}</pre>
            </li>
          ))}
        </ol>
      )}
      <form
        className="fields"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void ask();
        }}
      >
        {inputs.map((modality) => (
          <Field key={modality.name} label={modality.name} hint={hintOf(modality)} error={errors[`inputs.${modality.name}`]}>
            {(wiring) => (
              <Input
                modality={modality}
                wiring={wiring}
                text={texts[modality.name] ?? ''}
                onText={(text) => setTexts((old) => ({ ...old, [modality.name]: text }))}
              />
            )}
          </Field>
        ))}
        {rest.length > 0 && (
          <Notice tone="bad" role="alert">
            {rest.map(([, message]) => message).join('\n')}
          </Notice>
        )}
        <div className="control-row">
          <Button type="submit" tone="primary" busy={busy}>
            {busy ? 'Asking…' : 'Ask'}
          </Button>
          <Switch checked={conversation !== undefined} onChange={(on) => setConversation(on ? newCommandId() : undefined)}>
            Remember between questions
          </Switch>
        </div>
      </form>
    </Panel>
  );
}

interface InputProps {
  readonly modality: ModalityParts;
  readonly wiring: { readonly id: string; readonly 'aria-describedby': string | undefined; readonly 'aria-invalid': boolean };
  readonly text: string;
  readonly onText: (text: string) => void;
}

function Input({ modality, wiring, text, onText }: InputProps) {
  switch (inputKind(modality)) {
    case 'choice':
      return (
        <select {...wiring} className="input" value={text} onChange={(event) => onText(event.target.value)}>
          {modality.labels?.map((_, i) => (
            <option key={i} value={i + (typeof modality.low === 'number' ? modality.low : 0)}>
              {choiceLabel(modality, i)}
            </option>
          ))}
        </select>
      );
    case 'number':
      return <input {...wiring} className="input" inputMode="decimal" autoComplete="off" value={text} onChange={(event) => onText(event.target.value)} />;
    case 'picture':
      return (
        <input
          {...wiring}
          className="input"
          type="file"
          accept="image/*"
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file !== undefined) void readPicture(file, modality).then((picture) => onText(JSON.stringify(picture)));
          }}
        />
      );
    case 'text':
    case 'list':
      return <textarea {...wiring} className="input" rows={2} spellCheck={false} value={text} onChange={(event) => onText(event.target.value)} />;
  }
}

function hintOf({ name, kind, shape }: ModalityParts): string {
  const words = kind.toLowerCase().replace('_', ' ');
  return words === name ? '' : [words, ...(shape.length > 0 ? [formatShape(shape)] : [])].join(' · ');
}

const LONGEST_SUMMARY = 300;

function summary(inputs: readonly ModalityParts[], texts: Readonly<Record<string, string>>): string {
  return inputs
    .map((modality) => {
      const text = inputKind(modality) === 'picture' ? 'a picture' : (texts[modality.name] ?? '').slice(0, LONGEST_SUMMARY);
      return inputs.length === 1 ? text : `${modality.name}: ${text}`;
    })
    .join('\n');
}
