internal import Foundation
internal import Fuzz

/// libFuzzer's two entry points. One binary for all targets: VARVE_FUZZ_TARGET names the one to
/// run (`list` prints each with the length of its inputs), VARVE_FUZZ_SEEDS a folder that its seeds are written to first.
private let target: FuzzTargets.Target = {
    let name = ProcessInfo.processInfo.environment["VARVE_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTargets.named(name) else {
        preconditionFailure("VARVE_FUZZ_TARGET has to name a target, not '\(name)'")
    }
    return target
}()

@_cdecl("LLVMFuzzerInitialize")
func initialize(
    _ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutableRawPointer?
) -> CInt {
    if ProcessInfo.processInfo.environment["VARVE_FUZZ_TARGET"] == "list" {
        for target in FuzzTargets.all { print(target.name, target.lengthMax) }
        exit(0)
    }
    guard let folder = ProcessInfo.processInfo.environment["VARVE_FUZZ_SEEDS"] else { return 0 }
    for (number, seed) in target.seeds.enumerated() {
        let file = URL(fileURLWithPath: folder).appendingPathComponent("seed-\(number)")
        do {
            try Data(seed).write(to: file)
        } catch {
            preconditionFailure("\(error)")
        }
    }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
