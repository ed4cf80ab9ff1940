import NIOCore
import Synchronization
import Testing
import TimesaleClient

@testable import Sidecar

/// The feed of the dashboard by itself: one reader for all viewers, of which no one costs more than another. The reader
/// is one that the test drives.
@Suite struct LiveFeedTests {
    /// Says 1, 2, 3 ..., each when the test allows it.
    private final class Script: Sendable {
        let started = Atomic<Int>(0)
        let said = Atomic<Int>(0)
        let ended = Atomic<Int>(0)
        private let allowed: AsyncStream<Void>
        private let allow: AsyncStream<Void>.Continuation

        init() { (allowed, allow) = AsyncStream.makeStream() }

        func wait() async { for await _ in allowed { return } }

        func more(_ count: Int = 1) { for _ in 0..<count { allow.yield() } }

        func reader() -> any LiveReader {
            started.add(1, ordering: .relaxed)
            return Reader(script: self, life: Life(self))
        }
    }

    /// Goes when its reader does.
    private final class Life: Sendable {
        private let script: Script
        init(_ script: Script) { self.script = script }
        deinit { script.ended.add(1, ordering: .relaxed) }
    }

    private struct Reader: LiveReader {
        let script: Script
        let life: Life

        mutating func read() async -> ByteBuffer {
            await script.wait()
            return ByteBuffer(string: "\(script.said.add(1, ordering: .relaxed).newValue)")
        }
    }

    private func feed(viewersMax: Int = 8) -> LiveFeed { LiveFeed(interval: .zero, viewersMax: viewersMax) }

    private func until(_ what: String, _ isSo: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !isSo() {
            try #require(ContinuousClock.now < deadline, "never: \(what)")
            await Task.yield()
        }
    }

    private func next(_ iterator: inout AsyncStream<ByteBuffer>.AsyncIterator) async -> String? {
        await iterator.next().map { String(buffer: $0) }
    }

    @Test func allWatchTheSameReader() async throws {
        let (feed, script) = (feed(), Script())
        var viewers = try (0..<5).map { _ in try feed.watch(script.reader).makeAsyncIterator() }
        script.more()
        for index in viewers.indices { #expect(await next(&viewers[index]) == "1") }
        script.more()
        for index in viewers.indices { #expect(await next(&viewers[index]) == "2") }
        #expect(script.started.load(ordering: .relaxed) == 1)
        // Who comes late sees the newest at once.
        var late = try feed.watch(script.reader).makeAsyncIterator()
        #expect(await next(&late) == "2")
        #expect(feed.viewers == 6)
    }

    @Test func theReaderEndsBehindTheLastViewer() async throws {
        let (feed, first) = (feed(), Script())
        do {
            var one = try feed.watch(first.reader).makeAsyncIterator()
            var two: AsyncStream<ByteBuffer>.AsyncIterator? = try feed.watch(first.reader).makeAsyncIterator()
            first.more()
            #expect(await next(&one) == "1")
            #expect(await two?.next() != nil)
            two = nil
            try await until("the second has left") { feed.viewers == 1 }
            first.more()
            #expect(await next(&one) == "2")
        }
        try await until("the first has left") { feed.viewers == 0 }
        try await until("the reader has ended") { first.ended.load(ordering: .relaxed) == 1 }
        // The next one starts a reader of its own, and hears nothing of what the other said.
        let second = Script()
        var again = try feed.watch(second.reader).makeAsyncIterator()
        second.more()
        #expect(await next(&again) == "1")
        #expect(second.started.load(ordering: .relaxed) == 1)
    }

    @Test func aSlowViewerGetsTheNewestAlone() async throws {
        let (feed, script) = (feed(), Script())
        var quick = try feed.watch(script.reader).makeAsyncIterator()
        var slow = try feed.watch(script.reader).makeAsyncIterator()
        for round in 1...200 {
            script.more()
            #expect(await next(&quick) == "\(round)")
        }
        #expect(await next(&slow) == "200")
        script.more()
        #expect(await next(&slow) == "201")
    }

    @Test func viewersAreBounded() async throws {
        let (feed, script) = (feed(viewersMax: 2), Script())
        let one = try feed.watch(script.reader)
        var two: AsyncStream<ByteBuffer>? = try feed.watch(script.reader)
        #expect(throws: Problem.self) { _ = try feed.watch(script.reader) }
        #expect(feed.viewers == 2)
        // One that was never read gives its place back too.
        withExtendedLifetime(two) {}
        two = nil
        try await until("a place is free") { feed.viewers == 1 }
        _ = try feed.watch(script.reader)
        withExtendedLifetime(one) {}
    }

    @Test func stoppingEndsAllStreams() async throws {
        let (feed, script) = (feed(), Script())
        var one = try feed.watch(script.reader).makeAsyncIterator()
        script.more()
        #expect(await next(&one) == "1")
        feed.stop()
        #expect(await next(&one) == nil)
        #expect(throws: Problem.self) { _ = try feed.watch(script.reader) }
    }

    // MARK: What it is made of

    @Test func percentilesAreOfTheLastReadings() {
        var latency = RecentLatency(boundsUs: [100, 200, 400])
        #expect(latency.percentile(0.5) == nil)
        latency.add([50, 0, 0, 9])
        #expect(latency.percentile(0.5) == nil)
        latency.add([50, 10, 0, 9])
        #expect(latency.count == 10)
        #expect(latency.percentile(0.5) == 150)
        #expect(latency.percentile(1) == 200)
        latency.add([50, 10, 9, 10])
        #expect(latency.percentile(0.5) == 200)
        #expect(latency.percentile(0.95) == 400)
        // What is slower than all bounds.
        #expect(latency.percentile(0.99) == 400)
        for _ in 0..<RecentLatency.readings { latency.add([50, 10, 9, 10]) }
        #expect(latency.percentile(0.5) == nil)
    }

    /// A catalogue of the numbers 1 ... count.
    private struct Catalogue {
        var count: Int
        var asked = 0
        mutating func page(_ after: Int?, _ limit: Int) -> (items: [Int], next: Int?) {
            asked += 1
            let first = (after ?? 0) + 1
            let last = min(count, first + limit - 1)
            return (first > last ? [] : Array(first...last), last < count ? last : nil)
        }
    }

    @Test func onlyTheEndOfACatalogueIsReadAgain() async throws {
        var catalogue = Catalogue(count: 95)
        var newest = NewestOffers<Int, Int>(countMax: 7, pageMax: 10)
        func read() async throws -> [Int] {
            try await newest.read(id: { $0 }) { after, limit throws(TimesaleError) in catalogue.page(after, limit) }
        }
        // Eight pages at once at most.
        #expect(try await read() == Array(74...80))
        #expect(try await read() == Array(89...95))
        catalogue.asked = 0
        #expect(try await read() == Array(89...95))
        #expect(catalogue.asked == 1)
        catalogue.count = 97
        #expect(try await read() == Array(91...97))
        // The one to go on from has left: from the beginning, with the next reading.
        await #expect(throws: TimesaleError.self) {
            try await newest.read(id: { $0 }) { _, _ throws(TimesaleError) in
                throw .refused(.notFound, retryAfterMs: 0)
            }
        }
        #expect(newest.after == nil)
    }

    private struct Offer: LiveOffer {
        let id: Int
        let createdAtMs: UInt64
        var beginsAtMs: UInt64 = 0
        var isScheduled = false
        var isOpen = false
        var isOver = false
    }

    @Test func whatMattersMostIsShown() {
        let over = (1...90).map { Offer(id: $0, createdAtMs: UInt64(1000 + $0), isOver: true) }
        let open = (101...140).map { Offer(id: $0, createdAtMs: UInt64($0), isOpen: true) }
        let soon = (201...203).map {
            Offer(id: $0, createdAtMs: UInt64($0), beginsAtMs: UInt64(900 - $0), isScheduled: true)
        }
        let empty = [Offer(id: 301, createdAtMs: 120)]
        let offers = LiveOffers(over + open + open + soon + empty, isWhole: true)
        #expect(offers.isCut)
        let ids = offers.shown.map(\.id)
        #expect(ids.count == 100)
        // What runs, the newest first, sold out or not; what comes, the soonest first; the newest of what is over.
        #expect(ids[..<3] == [140, 139, 138])
        #expect(ids[..<41].contains(301))
        #expect(ids[41..<44] == [203, 202, 201])
        #expect(ids[44...] == (35...90).reversed()[...])
        #expect(LiveOffers(open, isWhole: true).isCut == false)
        #expect(LiveOffers(open, isWhole: false).isCut)
    }
}
