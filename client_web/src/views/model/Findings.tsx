/** What the zoo found out about a model without running it: what stops it from being launched, or what a launch goes by. */
import type { ModelOffer } from '../../api/documents';
import { Notice } from '../../ui/Notice';
import { FoldedPanel } from '../../ui/Panel';

export function Findings({ model }: { readonly model: Pick<ModelOffer, 'name' | 'findings' | 'launchable'> }) {
  if (!model.launchable) {
    return (
      <Notice tone="bad">
        <strong>{model.name} cannot be launched as it is</strong>
        {model.findings.map((finding) => `\n${finding}`)}
      </Notice>
    );
  }
  if (model.findings.length === 0) return null;
  return (
    <FoldedPanel title={`What was found out about ${model.name}`} count={model.findings.length}>
      <FindingList findings={model.findings} />
    </FoldedPanel>
  );
}

export function FindingList({ findings }: { readonly findings: readonly string[] }) {
  return (
    <ul className="findings">
      {findings.map((finding) => (
        <li key={finding}>{finding}</li>
      ))}
    </ul>
  );
}
