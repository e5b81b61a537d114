"""What others are told of by themselves: where, signed how, and until it has arrived."""
