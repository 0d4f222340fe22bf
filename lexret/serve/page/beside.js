// The photos before and after one, on the wall that is shown.

const FARTHEST = 1000; // hits that are looked through for the photo of an address

export class Beside {
  // `results()` gives the hits that are shown, or nothing while the time line is.
  constructor(wall, { results, names }) {
    Object.assign(this, { wall, results, names });
  }

  async of(id, step) {
    const { wall } = this, results = this.results(), here = results ? await this.inResults(id) : await this.onWall(id);
    if (here < 0 || here + step < 0) return null;
    if (results && here + step >= wall.count - 2) await results.next();
    if (here + step >= wall.count) return null;
    const other = await wall.source.get(here + step);
    if (other && step) this.names.set(other.id, other.name);
    return other ?? null;
  }

  async onWall(id) {
    const { wall } = this;
    for (const place of [wall.current, wall.current + 1, wall.current - 1]) {
      if (place < 0 || place >= wall.count) continue;
      if ((await wall.source.get(place))?.id === id) { wall.current = place; return place; }
    }
    const place = await wall.source?.placeOf?.(id); // an address that was sent leads anywhere
    if (place === null || place === undefined) return -1;
    wall.current = place;
    return place;
  }

  // An address that was sent may show a photo far below the first ones.
  async inResults(id) {
    const results = this.results();
    while (results.indexOf(id) < 0 && results.more && results.start < FARTHEST) if (!await results.next()) break;
    return results === this.results() ? results.indexOf(id) : -1;
  }
}
