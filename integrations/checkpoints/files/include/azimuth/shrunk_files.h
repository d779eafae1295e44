#pragma once

namespace azimuth {

/// For programs, once, at the start. Model files are mapped, and when one is truncated meanwhile
/// (a download that begins anew, a checkpoint that a training run writes over), the system sends
/// SIGBUS to whoever reads beyond the new end: by default the process dies without a word. After
/// this call it prints "FILE: contents: shrank while it was read" on standard error and
/// exits with `exit_code` at once: no destructors run, and what standard output buffers is dropped,
/// so that no figure comes from half a file.
///
/// Every other SIGBUS goes to the handler that was there before. The library never calls this by
/// itself. Not to be called by several threads at a time; files may be open.
///
///     int main() { azimuth::exit_when_a_file_shrinks(3); ...
void exit_when_a_file_shrinks(int exit_code);

}  // namespace azimuth
