internal import Encoding
internal import Foundation
internal import Ingest

/// What all targets of a job are asked.
struct ScrapeRequests: Sendable {
    let job: ScrapeJob
    let version: String
    /// Of the store.
    let limits: IngestLimits
    /// The text of a file, for secrets that stand in one.
    let read: @Sendable (String) throws -> String

    func request(for target: ScrapeTarget) throws(ScrapeFailure) -> ScrapeRequest {
        let limit = job.limits.bodyBytesMax
        var headers = [
            (name: "Accept", value: ScrapeProtocol.accept(job.protocols)),
            (name: "Accept-Encoding", value: job.asksForCompression ? "gzip" : "identity"),
            (name: "User-Agent", value: "varve/\(version)"),
            (
                name: "X-Prometheus-Scrape-Timeout-Seconds",
                value: "\(Double(target.timeoutNanos) / 1e9)"
            ),
        ]
        if let authorization = try authorization() {
            headers.append((name: "Authorization", value: authorization))
        }
        return ScrapeRequest(
            url: target.url, headers: headers, timeoutNanos: target.timeoutNanos,
            followsRedirects: job.followsRedirects,
            bodyBytesMax: limit > 0 ? min(limit, limits.decodedBytesMax) : limits.decodedBytesMax)
    }

    private func authorization() throws(ScrapeFailure) -> String? {
        switch job.credentials {
        case nil: return nil
        case .basic(let user, let password):
            let pair = "\(try text(of: user)):\(try text(of: password))"
            return "Basic \(Data(pair.utf8).base64EncodedString())"
        case .token(let type, let token):
            return "\(type) \(try text(of: token))"
        }
    }

    private func text(of secret: ScrapeJob.Secret) throws(ScrapeFailure) -> String {
        switch secret {
        case .text(let text): return text
        case .file(let path):
            do {
                return try read(path).trimmingCharacters(in: .whitespacesAndNewlines)
            } catch {
                throw ScrapeFailure(.credentials, "\(error)")
            }
        }
    }
}
