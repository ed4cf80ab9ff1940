internal import NIOCore
import Synchronization

/// Runs tasks on the client's own event loop.
///
/// Jobs gather and are run together; the frames that their calls fill leave when all have run.
final class LoopExecutor: TaskExecutor, Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var isScheduled = false
    }

    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let schedules = state.withLock { state in
            state.jobs.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedules { eventLoop.execute { self.run() } }
    }

    private func run() {
        var jobs: [UnownedJob] = []
        state.withLock { state in
            swap(&jobs, &state.jobs)
            state.isScheduled = false
        }
        let executor = asUnownedTaskExecutor()
        for job in jobs { job.runSynchronously(on: executor) }
    }
}
