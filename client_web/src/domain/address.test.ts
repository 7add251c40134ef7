import { describe, expect, it } from 'vitest';
import { bucketAddress } from './address';

describe('objects of the bucket', () => {
  const link = 'http://127.0.0.1:3000/bucket/uploads/upl_1?expires=9&signature=a%2Bb';

  it('are at the zoo under the name that this page knows it by, where the zoo serves them itself', () => {
    expect(bucketAddress(link, 'http://192.168.1.5:3000', 'embedded')).toBe('http://192.168.1.5:3000/bucket/uploads/upl_1?expires=9&signature=a%2Bb');
  });

  it('are where the link says elsewhere', () => {
    expect(bucketAddress(link, 'https://zoo.example.org', 'gcp')).toBe(link);
  });
});
