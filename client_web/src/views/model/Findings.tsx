/** What the zoo found out about a model without running it: what warns of a launch, what stops one, and what it goes by. */
import type { ModelOffer } from '../../api/documents';
import { scanLook, type Scan } from '../../domain/scan';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { FoldedPanel } from '../../ui/Panel';

type Model = Pick<ModelOffer, 'name' | 'findings' | 'launchable' | 'scan'>;

export function Findings({ model: { name, findings, launchable, scan } }: { readonly model: Model }) {
  if (!launchable) {
    return (
      <Notice tone="bad">
        <strong>{name} cannot be launched as it is</strong>
        {findings.map((finding) => `\n${finding}`)}
      </Notice>
    );
  }
  if (scan !== null) {
    const { label, tone, meaning } = scanLook(scan);
    return (
      <Notice tone={tone === 'bad' || tone === 'wait' ? tone : 'calm'}>
        <strong>
          The file of {name}: {label}
        </strong>
        {`\n${meaning}`}
        {findings.length > 0 && <FindingList findings={findings} />}
      </Notice>
    );
  }
  if (findings.length === 0) return null;
  return (
    <FoldedPanel title={`What was found out about ${name}`} count={findings.length}>
      <FindingList findings={findings} />
    </FoldedPanel>
  );
}

export function ScanBadge({ scan }: { readonly scan: Scan }) {
  const { label, tone } = scanLook(scan);
  return (
    <span className="badge scan-badge" data-tone={tone}>
      <Icon name={tone === 'bad' || tone === 'wait' ? 'alert' : 'info'} />
      {label}
    </span>
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
