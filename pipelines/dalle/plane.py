PLANE = None
