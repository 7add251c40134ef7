/** Adding a model: a file is chosen or dropped, named, and sent. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import { formatBytes } from '../../domain/format';
import { ENDINGS, fileProblem, modelName, stageLabel } from '../../domain/upload';
import { useMay } from '../../live/home';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { Icon } from '../../ui/Icon';
import { Notice } from '../../ui/Notice';
import { useVoice } from '../../ui/Toasts';
import { PageHead } from '../PageHead';
import { useUploading } from './uploading';

export function AddModelView() {
  const mayCreate = useMay('CREATE_MODEL');
  return (
    <div className="narrow">
      <PageHead title="Add a model">A file that holds one pickled object, or a zipped folder. Nothing of it runs before somebody launches it, and then only in its runner.</PageHead>
      {mayCreate ? <Form /> : <Notice>You may not add models to this zoo.</Notice>}
    </div>
  );
}

function Form() {
  const { announce } = useVoice();
  const [, go] = useLocation();
  const { stage, make, stop } = useUploading();
  const [file, setFile] = useState<File>();
  const [name, setName] = useState('');
  const [over, setOver] = useState(false);
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const busy = stage !== undefined;
  const { name: nameError, filename, sizeBytes, sha256, ...rest } = errors;

  const choose = (chosen: File | undefined): void => {
    setOver(false);
    if (chosen === undefined || busy) return;
    const problem = fileProblem(chosen);
    setErrors(problem === undefined ? {} : { filename: problem });
    setFile(chosen);
    if (name === '' || name === modelName(file?.name ?? '')) setName(modelName(chosen.name));
  };
  const submit = async (): Promise<void> => {
    const problem = file === undefined ? 'Choose a file' : fileProblem(file);
    const found = { ...(problem === undefined ? {} : { filename: problem }), ...(name.trim() === '' ? { name: 'Say what to call it' } : {}) };
    setErrors(found);
    if (file === undefined || Object.keys(found).length > 0) return;
    const made = await make(file, name.trim());
    if (!made.ok) { setErrors(made.errors); return; }
    announce(`${name.trim()} is added`);
    go(made.modelId === undefined ? '/' : `/models/${encodeURIComponent(made.modelId)}`);
  };

  return (
    <form
      className="launch-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void submit();
      }}
    >
      <div className="panel">
        <div className="fields">
          <Field label="File" hint=".pkl or .pickle: one pickled object; .zip: a packed folder" error={filename ?? sizeBytes ?? sha256}>
            {(wiring) => (
              <div className="drop" data-over={over || undefined}>
                {/* Over all of the area: browsers take what is dropped on such a field. */}
                <input
                  {...wiring}
                  type="file"
                  accept={ENDINGS.join(',')}
                  disabled={busy}
                  onDragEnter={() => setOver(true)}
                  onDragLeave={() => setOver(false)}
                  onDrop={() => setOver(false)}
                  onChange={(event) => choose(event.target.files?.[0])}
                />
                <Icon name="upload" />
                {file === undefined ? (
                  <span className="soft">Drop a file here, or choose one</span>
                ) : (
                  <span>
                    <strong className="mono">{file.name}</strong> <span className="soft small">{formatBytes(file.size)}</span>
                  </span>
                )}
              </div>
            )}
          </Field>
          <Field label="Name" hint="What it is called in this zoo" error={nameError}>
            {(wiring) => <input {...wiring} className="input" autoComplete="off" maxLength={200} disabled={busy} value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
        </div>
      </div>
      <div role="status">
        {stage !== undefined && (
          <div className="progress">
            <label>
              {stageLabel(stage)}
              <progress max={1} {...('share' in stage ? { value: stage.share } : {})} />
            </label>
          </div>
        )}
      </div>
      {Object.keys(rest).length > 0 && (
        <Notice tone="bad" role="alert">
          <strong>It is not added{'\n'}</strong>
          {Object.values(rest).join('\n')}
        </Notice>
      )}
      <div className="form-end">
        {busy && <Button onClick={stop}>Stop</Button>}
        <Button type="submit" tone="primary" icon="upload" busy={busy}>
          Add it
        </Button>
      </div>
    </form>
  );
}
