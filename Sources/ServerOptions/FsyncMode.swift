/// When a reply may leave, relative to the disk. The trade of each mode is in `docs/reliability.md`.
public enum FsyncMode: String, CaseIterable, Sendable {
    /// A reply leaves when its operation is on the disk: it survives `kill -9` and power loss.
    case always
    /// A reply leaves when its operation is written; the log is synced every second. A power loss may undo
    /// that second.
    case everysec
    /// A reply leaves when its operation is written; the kernel decides when it reaches the disk.
    case no
}
