internal import CKernels

/// LEB128
package enum Varint {}
