import { firstDraft, type Drafts, type ParameterSpec } from '../../domain/parameters';
import { ParameterField } from '../../ui/ParameterField';
import { Panel } from '../../ui/Panel';

interface Props {
  readonly title: string;
  readonly specs: readonly ParameterSpec[];
  readonly drafts: Drafts;
  readonly errors: Readonly<Record<string, string>>;
  /** Where the API puts these values, as its errors name them. */
  readonly prefix: 'parameters' | 'environmentParameters';
  readonly onChange: (drafts: Drafts) => void;
}

export function ParameterFields({ title, specs, drafts, errors, prefix, onChange }: Props) {
  if (specs.length === 0) return null;
  return (
    <Panel title={title}>
      <div className="fields">
        {specs.map((spec) => (
          <ParameterField
            key={spec.name}
            spec={spec}
            draft={drafts[spec.name] ?? firstDraft(spec)}
            error={errors[`${prefix}.${spec.name}`]}
            onChange={(draft) => onChange({ ...drafts, [spec.name]: draft })}
          />
        ))}
      </div>
    </Panel>
  );
}
