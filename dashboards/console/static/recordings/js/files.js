// Which of the chosen files belong together: a WFDB header and the signals of the same name.

const SOUND = /\.(wav|flac|mp3|ogg|oga|opus)$/i;

export function groups(files) {
  const headers = files.filter((file) => /\.hea$/i.test(file.name));
  const taken = new Set(headers);
  const found = headers.map((header) => {
    const stem = header.name.replace(/\.hea$/i, "");
    const signals = files.filter((file) => !taken.has(file) && belongs(file.name, stem));
    for (const signal of signals) taken.add(signal);
    return [header, ...signals];
  });
  return [...found, ...files.filter((file) => !taken.has(file)).map((file) => [file])];
}

// A sound beside a header of the same name is its signal as well as a recording of its own; the
// header is the one that says so.
function belongs(name, stem) {
  const own = name.slice(0, stem.length) === stem && /^[._-]/.test(name.slice(stem.length));
  return own && (/\.(dat|\d+)$/i.test(name) || SOUND.test(name));
}
