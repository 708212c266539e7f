"""Sentences about walking the members of kernel structures through their BTF."""

from __future__ import annotations

from errno import EACCES, EFAULT, EINVAL
from typing import Final

from kverdict.diagnostic import Message

BEYOND_MEMBER: Final = Message(
    "beyond-member",
    EACCES,
    "access beyond the end of member {member} (mend:{end}) in struct {struct} with off {off} size {size}",
    "{size} bytes at offset {off} reach beyond the end of `{member}` in struct {struct}",
)
BEYOND_STRUCT: Final = Message(
    "beyond-struct",
    EACCES,
    "access beyond struct {struct} at off {off} size {size}",
    "{size} bytes at offset {off} reach beyond the end of struct {struct}",
)
POINTER_MEMBER_PART: Final = Message(
    "pointer-member-part",
    EACCES,
    "cannot access ptr member {member} with moff {member_off} in struct {struct} with off {off} size {size}",
    "a pointer member must be read as a whole",
)
NO_FIELD_AT_OFFSET: Final = Message("no-field-at-offset", EINVAL, "struct {struct} doesn't have field at offset {off}")
NOT_A_STRUCT: Final = Message("not-a-struct", EINVAL, "Type '{name}' is not a struct")
MEMBER_WITHOUT_SIZE: Final = Message("member-without-size", EFAULT, "field {member} doesn't have size")
SPECIAL_FIELD_ACCESS: Final = Message(
    "special-field-access",
    EACCES,
    "direct access to {field} is disallowed",
    "a {field} may only be used through its functions",
)
