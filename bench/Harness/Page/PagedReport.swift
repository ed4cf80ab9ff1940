import Foundation

/// What was measured, as figures and as a page to look at.
public protocol PagedReport: Encodable {
    var page: Page { get }
}

extension PagedReport {
    /// Writes the page and the figures into a directory, which is made if it is not there; answers the page's path.
    public func write(to directory: String) throws -> String {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try JSONFile.write(self, to: "\(directory)/report.json")
        let path = "\(directory)/index.html"
        try Data(page.html.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }
}
