public import Fuzzing

/// Everything of ours that reads what comes from outside, but for the HTTP sidecar, which has a program of its own.
public enum FuzzTargets {
    public static let all: [FuzzTarget] = [
        FramesTarget.target, RepliesTarget.target, LogTarget.target, SnapshotTarget.target, ManifestTarget.target,
        SettingsTarget.target,
    ]
}
