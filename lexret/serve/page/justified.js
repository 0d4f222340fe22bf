// Justified rows: pictures in their own proportions, each row as wide as the wall.

const NARROWEST = 0.45, WIDEST = 4; // shapes beyond are cut a little, so that none is a thread

export const shown = (ratio) => Math.min(WIDEST, Math.max(NARROWEST, ratio || 1));

// Returns rows of pictures start to end (excluded): {start, end, height}; heights come near `wanted`.
export function justified(ratios, start, end, width, wanted, gap) {
  const rows = [];
  let from = start, sum = 0;
  for (let place = start; place < end; place += 1) {
    const ratio = shown(ratios[place]);
    const height = (width - gap * (place - from)) / (sum + ratio);
    if (height < wanted && place > from) {
      // Whichever is nearer to the wanted height: with this picture, or without it.
      const without = (width - gap * (place - from - 1)) / sum;
      if (without - wanted < wanted - height) {
        rows.push({ start: from, end: place, height: without });
        [from, sum] = [place, 0];
      }
    }
    sum += ratio;
    const now = (width - gap * (place - from)) / sum;
    if (now <= wanted) {
      rows.push({ start: from, end: place + 1, height: now });
      [from, sum] = [place + 1, 0];
    }
  }
  if (from < end) rows.push({ start: from, end, height: Math.min(wanted, (width - gap * (end - from - 1)) / sum) });
  return rows;
}
