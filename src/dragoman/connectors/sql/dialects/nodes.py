"""Classes of the syntax tree that queries are made of, as all dialects have them."""

RELATIONAL = frozenset(
    """
    Select Union Except Intersect Values Subquery With CTE Table TableAlias From Join Where Group Having Order
    Ordered Limit Offset Distinct Alias Identifier Column Star Literal HexString Boolean Null Var Paren Tuple
    DataType DataTypeParam Window WindowSpec Filter Anonymous
    """.split()
)

OPERATORS = frozenset(
    """
    Add Sub Mul Div Mod Neg BitwiseAnd BitwiseOr BitwiseNot BitwiseLeftShift BitwiseRightShift DPipe And Or Not
    EQ NEQ GT GTE LT LTE Is NullSafeEQ NullSafeNEQ Between In Like Escape Collate Exists Case If Cast
    CurrentDate CurrentTime CurrentTimestamp
    """.split()
)
