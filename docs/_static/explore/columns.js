// This script reads the columns of numbers that docs/packed_columns.py has packed.
"use strict";

window.decodeColumns = ({ rows, columns, base64 }) => {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  let at = 0;
  function integer(bits) {
    let value = 0;
    for (const end = at + bits; at < end; ) {
      const inByte = 8 - (at & 7);
      const taken = Math.min(inByte, end - at);
      const rest = bytes[at >> 3] & ((1 << inByte) - 1);
      value = value * (1 << taken) + (rest >> (inByte - taken));
      at += taken;
    }
    return value;
  }
  return columns.map(({ step, low, bits }) => {
    const column = new Float64Array(rows);
    for (let i = 0; i < rows; i++) column[i] = step * (low + integer(bits));
    return column;
  });
};
