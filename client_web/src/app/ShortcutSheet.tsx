import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';

const KEYS: readonly (readonly [string, string])[] = [
  ['Space', 'Pause or resume; play a recording'],
  ['→', 'One step, while paused'],
  ['← →', 'One step of a recording; with Shift, a second'],
  ['Esc', 'Let go of the wheel'],
  ['E', 'New episode'],
  ['/', 'Search the zoo'],
  ['?', 'This list'],
];

export function ShortcutSheet({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([key, meaning]) => (
          <div key={key} className="key-row">
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <div className="actions">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}
