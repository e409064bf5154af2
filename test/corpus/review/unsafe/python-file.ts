// expect: BG091
// file: quota.py
def deduct(user):
    user.quota_remaining -= 1
    user.save()
