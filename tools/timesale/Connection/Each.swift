import TimesaleClient

/// Makes a call for each item, all at once; the results stand in the order of the items.
func each<Item: Sendable, Answer: Sendable>(
    _ items: [Item], _ call: @escaping @Sendable (Item) async throws(TimesaleError) -> Answer
) async -> [Result<Answer, TimesaleError>] {
    let results = await withTaskGroup(of: (Int, Result<Answer, TimesaleError>).self) { group in
        for (index, item) in items.enumerated() {
            group.addTask {
                do throws(TimesaleError) {
                    return (index, .success(try await call(item)))
                } catch {
                    return (index, .failure(error))
                }
            }
        }
        return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    return items.indices.compactMap { results[$0] }
}
