"""Proofs of RFC 9162, without a line of Chancery."""

from audit_verifier import Tree, node_hash


def climb(node, last, first, second, proof):
    """RFC 9162 sections 2.1.3.2 and 2.1.4.2, from where both begin to be the same."""
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return (first, second) if last == 0 else None


def includes(index, size, leaf, proof, root):
    end = climb(index, size - 1, leaf, leaf, proof) if index < size else None
    return end is not None and end[1] == root


def consistent(first, first_root, second, second_root, proof):
    if first > second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == Tree().root()
    node, last, rest = first - 1, second - 1, list(proof)
    while node & 1:
        node, last = node >> 1, last >> 1
    if first & (first - 1) == 0:
        rest.insert(0, first_root)
    if not rest or not proof:
        return False
    return climb(node, last, rest[0], rest[0], rest[1:]) == (first_root, second_root)
