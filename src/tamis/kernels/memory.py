"""Eight bytes written anywhere, and memory asked for ahead of its use: what numba lacks and LLVM has."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def store64(context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a uint64 to a uint8 array at any index, little-endian. The caller makes sure that it fits."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(view.data, [args[1]])
        builder.store(args[2], builder.bitcast(place, context.get_value_type(types.uint64).as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), code


@intrinsic
def prefetch(context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of an element of a one-dimensional array."""

    ir = cgutils.ir

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = ir.IntType(8).as_pointer()
        place = builder.bitcast(builder.gep(view.data, [args[1]]), pointer)
        kind = ir.FunctionType(ir.VoidType(), [pointer, *[ir.IntType(32)] * 3])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        builder.call(ask, [place, *(ir.Constant(ir.IntType(32), n) for n in (0, 3, 1))])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(array, types.int64), code
