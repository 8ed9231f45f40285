from support.refunding import *
def test_x(till: Till) -> None:
    till.stripe.faults("reset_before", "reset_before")
    s = till.refund()
    print(s, till.events(), till.books(), till.intent(), till.patience.waited, till.posts())
    assert 0
