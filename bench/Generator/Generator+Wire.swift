/// The part of a load that speaks another server's protocol. Sockets, loop and clock are the same.
extension Generator {
    /// Adds one request with `count` orders; when it began is found again by its number on its connection.
    mutating func addRequest(_ index: Int, _ count: Int, begunUs begun: UInt64) {
        for entry in 0..<count { entries.write(to: raw + entry * entrySizeBytes) }
        let room = connections[index].reserve(wire!.requestBytesMax(orders: count))
        connections[index].outEnd += wire!.writeRequest(raw, count: count, nowMs: entries.nowMs, to: room)
        begunUs[index * inFlightMax + connections[index].requestsSent % inFlightMax] = begun
        connections[index].requestsSent += 1
        connections[index].framesInFlight += 1
        framesInFlight += 1
    }

    /// Takes the whole replies in the first `end` bytes of a connection, and answers how many bytes they were.
    mutating func takeReplies(_ index: Int, _ end: Int) throws(LoadError) -> Int {
        var start = 0
        while start < end {
            var tally = OrderTally()
            let length = try wire!.readReply(connections[index].inBytes + start, count: end - start, into: &tally)
            guard length > 0 else { break }
            start += length
            guard connections[index].framesInFlight > 0 else {
                throw LoadError(description: "the server answered more than it was asked")
            }
            let number = connections[index].requestsSent - connections[index].framesInFlight
            connections[index].framesInFlight -= 1
            framesInFlight -= 1
            let isCounted = nowUs >= countFromUs && !isDraining
            if isCounted {
                report.frames += 1
                report.accepted += tally.accepted
                latency.record(us: nowUs &- begunUs[index * inFlightMax + number % inFlightMax], nowUs: nowUs)
            }
            for (code, count) in tally.refused { refuse(code, count, isCounted) }
            acceptedInAll += tally.accepted
            addFrame(index, begunUs: nowUs)
        }
        return start
    }
}
