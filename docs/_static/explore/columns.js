// This script reads the columns of numbers that docs/packed_columns.py has packed.
"use strict";

window.decodeColumns = ({ rows, columns, base64 }) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  let at = 0;
  function integer(bits) {
    let value = 0;
    for (const end = at + bits; at < end; at++) {
      value = 2 * value + ((bytes[at >> 3] >> (7 - (at & 7))) & 1);
    }
    return value;
  }
  return columns.map(({ step, low, bits }) =>
    Float64Array.from({ length: rows }, () => step * (low + integer(bits)))
  );
};
