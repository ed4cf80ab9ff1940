import Protocol
import Testing

/// Shows that codes can be told apart, by number and by name.
@Suite struct ResultCodeTests {
    @Test func numbersAndNamesAreUnique() {
        #expect(Set(ResultCode.names.map(\.code)).count == ResultCode.names.count)
        #expect(Set(ResultCode.names.map(\.name)).count == ResultCode.names.count)
        for (code, name) in ResultCode.names {
            #expect(code.description == name)
            #expect(name.allSatisfy { $0 == "_" || ("A"..."Z").contains($0) })
        }
        #expect(ResultCode(rawValue: 9999).description == "CODE_9999")
        #expect(!ResultCode(rawValue: 9999).isRetryable)
    }

    /// Reads the declarations, so that a code which is left out of the list of names shows.
    @Test func everyDeclaredCodeIsNamed() throws {
        let source = try String(
            contentsOf: Checkout.url("Sources/Protocol/ResultCode.swift"), encoding: .utf8)
        let numbers = source.matches(of: /static var (\w+): ResultCode \{ ResultCode\((\d+)\) \}/).map { match in
            let name = match.1.reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
            return "\(match.2) \(name)"
        }
        #expect(numbers.count > 20)
        #expect(numbers == ResultCode.names.map { "\($0.code.rawValue) \($0.name)" })
    }

    @Test func onlyBoundsAreRetryable() {
        let retryable = ResultCode.names.map(\.code).filter(\.isRetryable)
        #expect(retryable == [.busy, .capacity, .noSpace, .shuttingDown])
        #expect(retryable.allSatisfy { $0.rawValue >= 96 })
    }
}
