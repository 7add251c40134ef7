/** The worker that reads one recording: requests, decompression and decoding are kept off the page's thread. */
import { RecordingError } from './failure';
import type { Question, Reply } from './messages';
import { RecordingReader } from './reader';
import { httpSource } from './source';

let reader: Promise<RecordingReader> | undefined;

self.onmessage = ({ data }: MessageEvent<Question>) => {
  answer(data).then(
    (found) => reply({ id: data.id, answer: found }),
    (error: unknown) => reply({ id: data.id, failure: failureOf(error) }),
  );
};

async function answer(question: Question): Promise<unknown> {
  if (question.name === 'open') {
    reader = RecordingReader.open(httpSource(question.access));
    return (await reader).manifest;
  }
  if (reader === undefined) throw new RecordingError('absent', 'no recording is open');
  const open = await reader;
  switch (question.name) {
    case 'at':
      return open.at(question.step, question.options);
    case 'events':
      return open.events();
    case 'read': {
      const damage: string[] = [];
      const series = await open.read(question.path, question.fromStep, question.toStep, {
        timeline: question.timeline,
        onDamage: ({ message }) => damage.push(message),
      });
      return { ...series, damage };
    }
  }
}

const reply = (message: Reply): void => self.postMessage(message);

const failureOf = (error: unknown): { kind: RecordingError['kind']; message: string } =>
  error instanceof RecordingError ? { kind: error.kind, message: error.message } : { kind: 'damaged', message: String(error) };
